"""What the others stand on: errors, device and profile, memory, processes, progress, assets."""
