#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| okra_fuzz::decode("manifest", input));
