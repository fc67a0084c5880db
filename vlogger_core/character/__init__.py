"""A person who belongs to nobody: the Anny body with skin, hair, clothes and light, drawn by a seed."""
