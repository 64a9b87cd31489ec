;; Three functions that call each other, for ever, in loops.
(module
  (memory (export "memory") 1)
  (func $a (param i32) (loop (call $b (local.get 0)) (br_if 0 (local.get 0))))
  (func $b (param i32) (drop (i32.mul (local.get 0) (i32.const 3))))
  (func (export "_start")
    (call $a (i32.const 1))))
