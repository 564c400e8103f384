"""Clients of the lab's services: each turns its library's errors into the lab's and responses into frozen values."""
