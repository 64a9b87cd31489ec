;; Reads past the end of its memory.
(component
  (core module $main
    (memory 1)
    (func (export "run") (result i32)
      (drop (i64.load (i32.const 65529)))
      (i32.const 0)))
  (core instance $main (instantiate $main))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli)))
