using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Vmm.Control;

/// <summary>Answers why a guest cannot be migrated.</summary>
internal static class MigrationObstacles
{
    /// <summary>Finds everything that stands in the way, one sentence each.</summary>
    /// <param name="status">What the machine has done so far.</param>
    /// <param name="kind">What was launched, or null where nothing was measured: an ordinary guest, or SEV-SNP.</param>
    /// <param name="policy">The launched guest's policy.</param>
    internal static IReadOnlyList<string> Find(MachineStatus status, SevGuestKind? kind, SevPolicy? policy)
    {
        // Not yet built; until it is, everything below would be said of a migration that cannot happen.
        List<string> obstacles = ["This version of kvmsev cannot migrate a guest."];
        if (status.Mode == SevMode.None)
        {
            return obstacles;
        }

        if (kind is null)
        {
            obstacles.Add("No firmware command sends a SEV-SNP guest; it would take a migration agent.");
            return obstacles;
        }

        if (kind == SevGuestKind.SevEs)
        {
            obstacles.Add("KVM has no command that sends the save areas of a SEV-ES guest's vCPUs.");
        }

        if (policy is { NoSend: true })
        {
            obstacles.Add("The guest's policy forbids it: NOSEND.");
        }

        if (!status.IsMigrationReady)
        {
            obstacles.Add(status.WasMigrationReady
                ? "The guest says no more that it is ready (MSR_KVM_MIGRATION_CONTROL)."
                : "The guest has not said that it is ready (MSR_KVM_MIGRATION_CONTROL).");
        }

        if (status.Generation == 0)
        {
            obstacles.Add("The guest has reported no page as private or shared, so its map is unknown.");
        }

        return obstacles;
    }
}
