"""How the figures of the README were made; each script prints its own."""
