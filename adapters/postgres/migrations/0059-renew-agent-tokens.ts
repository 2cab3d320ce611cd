import type { MigrationInterface, QueryRunner } from "typeorm";

/** Tokens of agents are renewed: which one an instance's agent is to have, since when, and the newest that it has come with. */
export class RenewAgentTokens1700000000059 implements MigrationInterface {
  readonly name = "RenewAgentTokens1700000000059";

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`alter table instances
      add column agent_token integer not null default 0,
      add column agent_token_since timestamptz(3) not null default now(),
      add column agent_token_taken integer not null default 0`);
    await queryRunner.query(`grant select (agent_token, agent_token_since, agent_token_taken) on instances to claw_platform`);
    await queryRunner.query(`create index instances_agent_token_since_idx on instances (agent_token_since)`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`drop index instances_agent_token_since_idx`);
    await queryRunner.query(`alter table instances drop column agent_token, drop column agent_token_since, drop column agent_token_taken`);
  }
}
