-- offenders: pairs of two variants of one benchmark
with pairs as (
    select * from mart_pairs
    where split_part(x, '_', 1) = 'truthfulqa'
)

select
    panel || ' ' || model_id as place,
    x || ' beside ' || y as description,
from pairs
where split_part(y, '_', 1) = 'truthfulqa'
order by place
