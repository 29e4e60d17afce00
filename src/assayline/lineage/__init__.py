"""Where a lot comes from and what of its ancestors' quality still holds for it."""
