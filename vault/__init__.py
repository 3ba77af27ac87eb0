"""Where citizens are known by name: the directory of aliases and the vault of originals (R61).

The only room that reads or writes personal data at rest. Everything else sees pseudonyms.
"""
