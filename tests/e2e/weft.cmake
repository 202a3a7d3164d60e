# SPDX-License-Identifier: Apache-2.0
weft_executable(blast SOURCES ${PROJECT_SOURCE_DIR}/tests/tools/blast.c)
target_compile_options(blast PRIVATE -fno-sanitize=all)
target_link_options(blast PRIVATE -static -fno-sanitize=all)

# Hosts alone.
weft_pytest(e2e impair TIMEOUT 120)
weft_pytest(e2e disk_full TIMEOUT 120)
weft_pytest(e2e tenants TIMEOUT 180)

# The guest images, once for all tests that need them.
add_test(NAME e2e/build_images COMMAND $<TARGET_FILE:weft> image build)
set_tests_properties(e2e/build_images PROPERTIES LABELS e2e TIMEOUT 300 FIXTURES_SETUP images
  RUN_SERIAL TRUE ENVIRONMENT "WEFT_STATE=${CMAKE_BINARY_DIR}/test-state")

weft_pytest(e2e quickstart TIMEOUT 600)
set_tests_properties(e2e/quickstart PROPERTIES FIXTURES_REQUIRED images)

foreach(test twins isolation punt_flood fidelity survival mixed lan fabric vhost edit refusals
    admission bring_up clone capture metrics events views ports static verify failing reboot)
  weft_pytest(e2e ${test} TIMEOUT 300)
  set_tests_properties(e2e/${test} PROPERTIES FIXTURES_REQUIRED images)
endforeach()
weft_pytest(e2e fpm TIMEOUT 600)
set_tests_properties(e2e/fpm PROPERTIES FIXTURES_REQUIRED images)
weft_pytest(e2e nics TIMEOUT 60)
weft_pytest(e2e live TIMEOUT 600)
set_tests_properties(e2e/live PROPERTIES FIXTURES_REQUIRED images)
weft_pytest(e2e hibernate TIMEOUT 900)
set_tests_properties(e2e/hibernate PROPERTIES FIXTURES_REQUIRED images)
