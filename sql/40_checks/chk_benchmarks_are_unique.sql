-- offenders: benchmark identifiers used twice
with benchmarks as (
    select * from stg_benchmarks
)

select
    'benchmarks.csv' as place,
    benchmark_id || ' stands ' || count(*) || ' times' as description,
from benchmarks
group by benchmark_id
having count(*) > 1
order by description
