"""User segmentation learned together with graph recommendation."""
