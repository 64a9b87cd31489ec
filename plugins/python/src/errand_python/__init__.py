"""The executor's own parts. Programs use `errand`; nothing in here is for them."""
