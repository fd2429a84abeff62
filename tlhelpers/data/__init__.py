"""Images from a folder to a batch: listing, splitting, decoding, augmenting, loading."""
