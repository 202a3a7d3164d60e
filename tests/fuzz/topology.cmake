# SPDX-License-Identifier: Apache-2.0
weft_fuzz(topology DEPS control)
weft_fuzz(topology_diff DEPS control)
weft_fuzz(images_yml DEPS control)
weft_fuzz(ports_yml DEPS control)
weft_fuzz(scenario DEPS control)
