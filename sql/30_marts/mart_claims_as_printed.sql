-- one row per claim_id: the statement and its typed parts as lake/claims.csv holds them
with claims as (
    select * from stg_claims
)

select * from claims
order by claim_id
