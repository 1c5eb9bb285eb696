"""From operations of ``numeric`` to components: one file for each family, the graph around them in ``converter``."""
