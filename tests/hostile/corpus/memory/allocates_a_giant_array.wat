;; Allocates an array of 4 billion references.
(component
  (core module $main
    (type $links (array (mut anyref)))
    (func (export "run") (result i32)
      (drop (array.new_default $links (i32.const -1)))
      (i32.const 0)))
  (core instance $main (instantiate $main))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli)))
