-- one row per (panel, model row, x, y): both scores of one model from one source; MC1 and MC2 never meet
with pairs as (
    select * from int_pairs
)

select * from pairs
