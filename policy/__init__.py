"""What an operator may change: windows, numbers, categories, organisation.

Pure; imports only schemas.
"""
