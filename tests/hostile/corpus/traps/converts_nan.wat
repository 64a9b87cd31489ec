;; Makes a whole number of what is none.
(component
  (core module $main
    (memory 1)
    (func (export "run") (result i32)
      (drop (i32.trunc_f64_s (f64.const nan)))
      (i32.const 0)))
  (core instance $main (instantiate $main))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli)))
