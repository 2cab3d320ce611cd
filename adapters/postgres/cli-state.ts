/** The table that the Pulumi CLI makes for the state of a tenant's stacks, with names as its backend writes them. */
export function cliStateTable(tenantId: string): string {
  return `pulumi_state_${tenantId}`.toLowerCase();
}
