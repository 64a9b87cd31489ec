;; Calls a function as what it is not.
(component
  (core module $main
    (table 1 funcref) (elem (i32.const 0) $f) (func $f)
    (memory 1)
    (func (export "run") (result i32)
      (drop (call_indirect (result i64) (i32.const 0)))
      (i32.const 0)))
  (core instance $main (instantiate $main))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli)))
