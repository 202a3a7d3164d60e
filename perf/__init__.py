# SPDX-License-Identifier: Apache-2.0
"""Measuring Weft (docs/performance.md)."""
