"""The demonstration: terrain elevation interpolated from the world's airports by Gaussian-process regression.

``kriging`` holds the mathematics and ``airports`` the data, both free of numpywren; ``terrain`` puts them on
numpywren's arrays; ``picture`` draws the maps.
"""
