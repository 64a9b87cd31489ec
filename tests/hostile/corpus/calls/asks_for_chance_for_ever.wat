;; Asks for 128 KiB of random bytes at a time, for ever: much work for the host in few instructions.
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 4)
  (func (export "_start")
    (loop
      (drop (call $random (i32.const 65536) (i32.const 131072)))
      (br 0))))
