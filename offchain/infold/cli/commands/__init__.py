# SPDX-License-Identifier: Apache-2.0
"""What `infold` offers: a module for each thing one does, which only wires."""
