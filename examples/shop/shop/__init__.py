"""A small shop: products, orders and reports."""
