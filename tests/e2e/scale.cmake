# SPDX-License-Identifier: Apache-2.0
# What takes many guests, and many minutes: under a label of their own alone, so that neither
# ./run-tests nor a run of all that is e2e waits for them.
foreach(test grid vnets clones_many killed_deploy hibernate_long verify_long)
  weft_pytest(e2e ${test} TIMEOUT 3600)
  set_tests_properties(e2e/${test} PROPERTIES LABELS scale FIXTURES_REQUIRED images)
endforeach()

# Twenty of them, in every run.
weft_pytest(e2e clones TIMEOUT 300)
set_tests_properties(e2e/clones PROPERTIES FIXTURES_REQUIRED images)
