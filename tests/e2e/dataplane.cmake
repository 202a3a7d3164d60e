# SPDX-License-Identifier: Apache-2.0
weft_pytest(e2e engine TIMEOUT 120 LABELS functional)
weft_pytest(e2e link_impair TIMEOUT 120 LABELS functional)
weft_pytest(e2e asleep TIMEOUT 60 LABELS functional)
weft_pytest(e2e offload TIMEOUT 120 LABELS functional)
weft_pytest(e2e reconfigure TIMEOUT 300 LABELS functional)
# The same for ten minutes.
add_test(NAME e2e/reconfigure_soak COMMAND /usr/bin/python3 -m pytest -q -rP -p no:cacheprovider
  ${PROJECT_SOURCE_DIR}/tests/e2e/test_reconfigure.py -k soak)
set_tests_properties(e2e/reconfigure_soak PROPERTIES LABELS scale TIMEOUT 900 RUN_SERIAL TRUE
  ENVIRONMENT "WEFT_SOAK=600;WEFT_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};WEFT_SRC=${PROJECT_SOURCE_DIR};PYTHONDONTWRITEBYTECODE=1")
