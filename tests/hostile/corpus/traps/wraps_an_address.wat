;; Reads at an address that wraps around.
(component
  (core module $main
    (memory 1)
    (func (export "run") (result i32)
      (drop (i32.load offset=4294967295 (i32.const -1)))
      (i32.const 0)))
  (core instance $main (instantiate $main))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli)))
