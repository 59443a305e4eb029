"""Compares our published networks, module by module, with the released code or with the tests' own reference."""
