;; Throws an exception and catches it, for ever.
(component
  (core module $main
    (tag $ball (param i64))
    (func $throw (throw $ball (i64.const 1)))
    (func (export "run") (result i32)
      (loop $again
        (block $caught (result i64)
          (try_table (catch $ball $caught) (call $throw))
          (i64.const 0))
        (drop)
        (br $again))
      (i32.const 0)))
  (core instance $main (instantiate $main))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli)))
