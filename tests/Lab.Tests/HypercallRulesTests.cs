using System.Text.Json;

namespace KvmSevVmm.Lab.Tests;

/// <summary>
/// The kernel's rules for KVM_HC_MAP_GPA_RANGE and the monitor's, each shown by a tiny guest that makes the call on a real kvm_amd.
/// </summary>
public sealed class HypercallRulesTests
{
    private const string Success = "0x0";
    private const string InvalidArgument = "0xffffffffffffffea"; // -22
    private const string NotPermitted = "0xffffffffffffffff"; // -1
    private const string NoSuchCall = "0xfffffffffffffc18"; // -1000
    private readonly ProbeFixture _probe;

    public HypercallRulesTests(ProbeFixture probe)
    {
        _probe = probe;
    }

    // Case, RAX that the guest gets, whether the call reaches the monitor, why the monitor refuses it, the map afterwards.
    [Theory]
    [InlineData("shared", Success, true, null, "0x2000-0x5000:Shared")]
    [InlineData("private", Success, true, null, "0x2000-0x5000:Private")]
    [InlineData("all-of-first-slot", Success, true, null, "0x0-0x40000:Private")]
    [InlineData("hint-2m", Success, true, null, "0x2000-0x3000:Shared")]
    [InlineData("hint-1g", Success, true, null, "0x2000-0x3000:Private")]
    [InlineData("across-two-slots", Success, true, null, "0x3f000-0x41000:Shared")]

    // Refused by the kernel: no exit.
    [InlineData("unaligned", InvalidArgument, false, null, "")]
    [InlineData("zero-pages", InvalidArgument, false, null, "")]
    [InlineData("overflow-count", InvalidArgument, false, null, "")]
    [InlineData("cpl-3", NotPermitted, false, null, "")]
    [InlineData("capability-disabled", NoSuchCall, false, null, "")]
    [InlineData("capability-never-enabled", NoSuchCall, false, null, "")]
    [InlineData("unknown-number", NoSuchCall, false, null, "")]

    // Forwarded by the kernel, refused by the monitor. The kernel counts in frames, so a range that passes 2^64 bytes reaches the monitor.
    [InlineData("overflow", InvalidArgument, true, "RangeOverflow", "")]
    [InlineData("count-2^52", InvalidArgument, true, "RangeOverflow", "")]
    [InlineData("reserved-bit-5", InvalidArgument, true, "ReservedAttributeBits", "")]
    [InlineData("reserved-bit-63", InvalidArgument, true, "ReservedAttributeBits", "")]
    [InlineData("hint-3", InvalidArgument, true, "UnknownPageSize", "")]
    [InlineData("hint-15", InvalidArgument, true, "UnknownPageSize", "")]
    [InlineData("beyond-ram", InvalidArgument, true, "OutsideMemory", "")]
    [InlineData("end-beyond-ram", InvalidArgument, true, "OutsideMemory", "")]
    [InlineData("far-beyond-ram", InvalidArgument, true, "OutsideMemory", "")]
    [InlineData("across-hole", InvalidArgument, true, "OutsideMemory", "")]
    [InlineData("in-hole", InvalidArgument, true, "OutsideMemory", "")]

    // KVM does not look at the feature bit of this call, even with KVM_CAP_ENFORCE_PV_FEATURE_CPUID: the monitor does.
    [InlineData("feature-hidden-enforced", NoSuchCall, true, "NotOffered", "")]
    [InlineData("feature-hidden-not-enforced", Success, true, null, "0x2000-0x3000:Shared")]

    // The first proposal's ABI gives the third argument another meaning: attributes 1 is shared above, private here.
    [InlineData("page-enc-status-0", Success, true, null, "0x2000-0x3000:Shared")]
    [InlineData("page-enc-status-1", Success, true, null, "0x2000-0x3000:Private")]
    [InlineData("page-enc-status-16", InvalidArgument, true, "UnknownEncryptionStatus", "")]
    public void Call_GivesWhatTheRulesSay(string name, string rax, bool isForwarded, string? rejected, string map)
    {
        JsonElement seen = _probe[name];

        Assert.Equal("answered", seen.GetProperty("end").GetString());
        Assert.Equal(rax, seen.GetProperty("rax").GetString());
        Assert.Equal(isForwarded ? 1 : 0, seen.GetProperty("hypercallExits").GetInt32());
        Assert.Equal(rejected, seen.GetProperty("rejected").GetString());
        Assert.Equal(map, seen.GetProperty("map").GetString());
    }

    [Theory]
    [InlineData("mode-16", false)]
    [InlineData("mode-32", false)]
    [InlineData("mode-32-high-halves", false)]
    [InlineData("mode-64", true)]
    public void SameCall_FromEveryMode_IsAcceptedAndSaysItsMode(string name, bool isLongMode)
    {
        JsonElement seen = _probe[name];

        Assert.Equal("answered", seen.GetProperty("end").GetString());
        Assert.Equal(Success, seen.GetProperty("rax").GetString());
        Assert.Equal(isLongMode, seen.GetProperty("isLongMode").GetBoolean());
        Assert.Equal("0x2000-0x3000:Private", seen.GetProperty("map").GetString());
    }

    [Theory]
    [InlineData("0x1000", "accepted", "accepted")]
    [InlineData("0x0", "accepted", "accepted")]
    [InlineData("0x1001", "EINVAL", "KVM_CAP_EXIT_HYPERCALL: this kernel offers 0x1000, but 0x1 is asked for")]
    [InlineData("0x2000", "EINVAL", "KVM_CAP_EXIT_HYPERCALL: this kernel offers 0x1000, but 0x2000 is asked for")]
    [InlineData("0x100000000000", "EINVAL", "KVM_CAP_EXIT_HYPERCALL: this kernel offers 0x1000, but 0x100000000000 is asked for")]
    public void Mask_OutsideWhatTheKernelOffers_IsRefusedByBoth(string mask, string kernel, string monitor)
    {
        Assert.Equal(kernel, _probe[$"raw-mask-{mask}"].GetProperty("end").GetString());
        Assert.Equal(monitor, _probe[$"monitor-mask-{mask}"].GetProperty("end").GetString());
    }

    [Fact]
    public void EnableCap_WithFlags_IsRefused() => Assert.Equal("EINVAL", _probe["raw-flags-1"].GetProperty("end").GetString());
}
