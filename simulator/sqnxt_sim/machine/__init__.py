"""The accelerator: its hardware, tilings, dataflows, costs and the search for the best tiling."""
