"""The asynchronous job: accepted once, followed to its end, whoever dies on the way. Knows nothing of migrations."""
