-- offenders: claim identifiers used twice, or without typed parts
with claims as (
    select * from stg_claims
)

select
    'claims.csv ' || claim_id as place,
    'stands ' || count(*) || ' times, parts given in ' || count(parts) as description,
from claims
group by claim_id
having count(*) > 1 or count(parts) < count(*)
order by place
