"""Style transfer (Gatys et al. 2016): lesson 04."""
