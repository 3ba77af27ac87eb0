"""What another version of the policy does to the deadlines that run: before it is in force, and
after.

Both count the same facts, so what a dry run says and what then happens can be held side by side.
"""
