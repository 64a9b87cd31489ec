//! Gives the guest a stack for QuickJS, whose frames are larger than Rust's.

fn main() {
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family.contains("wasm")) {
        println!("cargo::rustc-link-arg=-zstack-size=3145728");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
