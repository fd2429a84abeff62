"""Networks: pre-trained backbones, their heads, and which of their layers are frozen."""
