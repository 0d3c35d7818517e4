using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.LabProbe;

/// <summary>MSR accesses that reach the monitor, and some that must not.</summary>
internal static class MsrCases
{
    private const ulong SevStatus = 0xC001_0131;
    private const ulong MigrationControl = 0x4B56_4D08;
    private const ulong Unknown = 0x4B56_4DFF;

    /// <summary>The cases.</summary>
    public static IEnumerable<ProbeCase> All =>
    [
        new("sev-status-read") { Action = ProbeAction.ReadMsr, Rcx = SevStatus },
        new("sev-status-read-no-sev") { Action = ProbeAction.ReadMsr, Rcx = SevStatus, Sev = SevMode.None },
        new("sev-status-write") { Action = ProbeAction.WriteMsr, Rcx = SevStatus, Rax = 0 },
        new("migration-control-read") { Action = ProbeAction.ReadMsr, Rcx = MigrationControl },
        new("migration-control-read-not-offered") { Action = ProbeAction.ReadMsr, Rcx = MigrationControl, OffersMigrationControl = false },
        new("migration-control-read-no-sev") { Action = ProbeAction.ReadMsr, Rcx = MigrationControl, Sev = SevMode.None },
        new("migration-control-write-1") { Action = ProbeAction.WriteMsr, Rcx = MigrationControl, Rax = 1 },
        new("migration-control-write-0") { Action = ProbeAction.WriteMsr, Rcx = MigrationControl, Rax = 0 },
        new("migration-control-write-1-then-0") { Action = ProbeAction.WriteMsrThenZero, Rcx = MigrationControl, Rax = 1 },
        new("migration-control-write-2") { Action = ProbeAction.WriteMsr, Rcx = MigrationControl, Rax = 2 },
        new("migration-control-write-high") { Action = ProbeAction.WriteMsr, Rcx = MigrationControl, Rax = 1, Rdx = 1 },
        new("unknown-read") { Action = ProbeAction.ReadMsr, Rcx = Unknown },
        new("unknown-write") { Action = ProbeAction.WriteMsr, Rcx = Unknown, Rax = 7 },
        new("unknown-read-ignored")
        {
            Action = ProbeAction.ReadMsr, Rcx = Unknown, UnknownMsrs = UnknownMsrPolicy.Ignore, Rax = 7, Rdx = 7,
        },
        new("unknown-write-ignored") { Action = ProbeAction.WriteMsr, Rcx = Unknown, Rax = 7, UnknownMsrs = UnknownMsrPolicy.Ignore },
    ];
}
