//! The types that `wit/` generates for the host's side.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "executor",
    imports: { default: async | trappable },
    exports: { default: async },
    with: {
        "wasi:http": wasmtime_wasi_http::p2::bindings::http,
        "wasi": wasmtime_wasi::p2::bindings,
    },
    require_store_data_send: true,
});
