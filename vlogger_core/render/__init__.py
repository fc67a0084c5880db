"""From a fitted body and a motion to pictures: rasteriser, control maps, warp preview."""
