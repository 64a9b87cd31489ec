;; Loops when the host clears up after its answer.
(component
  (core module $main
    (func (export "post") (param i32) (loop br 0))
    (func (export "run") (result i32)
      (i32.const 0)))
  (core instance $main (instantiate $main))
  (func $run (result (result)) (canon lift (core func $main "run") (post-return (core func $main "post"))))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli)))
