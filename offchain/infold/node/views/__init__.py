# SPDX-License-Identifier: Apache-2.0
"""What clients read, as the HTTP surface words it: keys in camelCase, amounts as decimals, hashes
as hexadecimal.
"""
