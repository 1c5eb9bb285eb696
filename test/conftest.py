"""What all tests share: nothing is kept in, or comes from, the cache of whoever runs them."""

from __future__ import annotations

import os

os.environ["STEPWELL_CACHE"] = "off"
