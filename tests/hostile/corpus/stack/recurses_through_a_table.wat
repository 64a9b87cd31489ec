;; Calls itself through a table, for ever.
(module
  (memory (export "memory") 1)
  (table 1 funcref)
  (elem (i32.const 0) $deeper)
  (type $deeper (func (param i64) (result i64)))
  (func $deeper (type $deeper)
    (i64.add (call_indirect (type $deeper) (local.get 0) (i32.const 0)) (i64.const 1)))
  (func (export "_start")
    (drop (call $deeper (i64.const 0)))))
