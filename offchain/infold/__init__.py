# SPDX-License-Identifier: Apache-2.0
"""Infold, off chain: commands go in, facts come out, one engine decides."""
