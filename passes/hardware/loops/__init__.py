"""Affine loops as hardware reads them: accesses, memories, nests, and the passes that lead there."""
