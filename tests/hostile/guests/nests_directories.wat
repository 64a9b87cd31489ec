;; Makes a directory in a directory, 20,000 deep, by handles: the path becomes longer than any host
;; takes at once.
(module
  (import "wasi_snapshot_preview1" "path_create_directory"
    (func $make (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "d")
  (func (export "_start") (local $fd i32) (local $left i32)
    (local.set $fd (i32.const 3))
    (local.set $left (i32.const 20000))
    (block $done
      (loop $deeper
        (br_if $done (call $make (local.get $fd) (i32.const 0) (i32.const 1)))
        (br_if $done
          (call $open (local.get $fd) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 2)
            (i64.const 0x1fffffbf) (i64.const 0x1fffffbf) (i32.const 0) (i32.const 16)))
        (if (i32.ne (local.get $fd) (i32.const 3)) (then (drop (call $close (local.get $fd)))))
        (local.set $fd (i32.load (i32.const 16)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br_if $deeper (local.get $left))))
    ;; Not even a thousand: the test would show nothing.
    (if (i32.gt_u (local.get $left) (i32.const 19000)) (then unreachable))))
