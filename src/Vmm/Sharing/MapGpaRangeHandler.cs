using System.Diagnostics;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Vcpus;
using Serilog.Events;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>Answers KVM_EXIT_HYPERCALL: parses strictly, refuses what is not RAM, records, and always writes the result.</summary>
/// <remarks>
/// Only a SEV-SNP guest's pages have to be converted before the state is recorded: with SEV and SEV-ES the C-bit is in the guest's own page
/// tables, and in the simulated mode both aliases reach the same bytes.
/// </remarks>
public sealed class MapGpaRangeHandler
{
    /// <summary>KVM_HC_MAP_GPA_RANGE, which was KVM_HC_PAGE_ENC_STATUS: the only number that KVM forwards.</summary>
    public const ulong HypercallNumber = 12;

    private const ulong AddressSpaceBytes = 1UL << RamRanges.AddressBits;

    private readonly HypercallAbi _abi;
    private readonly SharedRegionTracker _tracker;
    private readonly bool _isOffered;
    private readonly EventLog? _events;
    private readonly BoundedLog _log;
    private readonly MemoryConverter? _converter;
    private readonly Lock _order = new();

    /// <summary>Makes the handler of one machine.</summary>
    /// <param name="abi">How the third argument is read.</param>
    /// <param name="isOffered">Whether the guest may make the call; KVM forwards it without a look at the feature bit.</param>
    /// <param name="tracker">Where accepted states are kept; a range outside its RAM is refused.</param>
    /// <param name="events">The event log, or null.</param>
    /// <param name="log">For refused calls.</param>
    public MapGpaRangeHandler(HypercallAbi abi, bool isOffered, SharedRegionTracker tracker, EventLog? events, BoundedLog log)
        : this(abi, isOffered, tracker, events, log, converter: null)
    {
    }

    /// <summary>Makes the handler of one machine.</summary>
    /// <param name="abi">How the third argument is read.</param>
    /// <param name="isOffered">Whether the guest may make the call; KVM forwards it without a look at the feature bit.</param>
    /// <param name="tracker">Where accepted states are kept; a range outside its RAM is refused.</param>
    /// <param name="events">The event log, or null.</param>
    /// <param name="log">For refused calls.</param>
    /// <param name="converter">Converts the pages of a SEV-SNP guest; null for every other mode.</param>
    internal MapGpaRangeHandler(
        HypercallAbi abi, bool isOffered, SharedRegionTracker tracker, EventLog? events, BoundedLog log, MemoryConverter? converter)
    {
        _abi = abi;
        _isOffered = isOffered;
        _tracker = tracker;
        _events = events;
        _log = log;
        _converter = converter;
    }

    /// <summary>Accepted and refused calls.</summary>
    public SharingStatistics Statistics { get; } = new();

    /// <summary>Answers one call.</summary>
    /// <param name="call">The hypercall in <c>kvm_run</c>; its result is written.</param>
    /// <param name="vcpuIndex">Which vCPU called.</param>
    public VcpuAction Handle(ref KvmRunHypercall call, int vcpuIndex)
    {
        bool isOffered = call.Nr == HypercallNumber && _isOffered;

        // kvm_run is mapped shared with the kernel, not with the guest: the arguments cannot change under us.
        ulong gpa = call.Arg0;
        ulong pages = call.Arg1;
        ulong attributes = call.Arg2;

        MapGpaRangeRequest request = default;
        MapGpaRangeError error = MapGpaRangeError.NotOffered;
        bool isAccepted = isOffered && MapGpaRangeRequest.TryParse(gpa, pages, attributes, _abi, out request, out error);
        bool isRecorded = isAccepted;
        if (isAccepted && !_tracker.IsRam(request.Range))
        {
            isRecorded = false;
            isAccepted = IsHarmlessOutsideRam(request);
            error = MapGpaRangeError.OutsideMemory;
        }

        // One lock over all three: the log, replayed, gives the map, whichever vCPUs call at once, and the kernel sees the same order.
        lock (_order)
        {
            if (isRecorded && _converter is not null && !_converter.TryConvert(request.Range, request.State))
            {
                isRecorded = isAccepted = false;
                error = MapGpaRangeError.NotConverted;
            }

            if (isRecorded)
            {
                _tracker.Set(request.Range, request.State, vcpuIndex, Stopwatch.GetTimestamp());
            }

            call.Ret = isAccepted
                ? HypercallResult.Success
                : isOffered ? HypercallResult.InvalidArgument : HypercallResult.NoSuchCall;
            _events?.MapGpaRange(vcpuIndex, gpa, pages, attributes, unchecked((long)call.Ret));
        }

        if (isAccepted)
        {
            Statistics.CountAccepted();
        }
        else
        {
            Reject(gpa, pages, attributes, error);
        }

        return VcpuAction.Resume;
    }

    /// <summary>
    /// Answers KVM_EXIT_MEMORY_FAULT: a SEV-SNP guest touched pages in the half that they are not in, and did not ask before.
    /// </summary>
    /// <param name="fault">Where, and which half it meant.</param>
    /// <param name="vcpuIndex">Which vCPU.</param>
    /// <returns>False when that cannot be answered: no SEV-SNP guest, no RAM, an unknown flag, or the kernel refused.</returns>
    public bool TryConvertForFault(in KvmRunMemoryFault fault, int vcpuIndex)
    {
        ulong start = GuestPage.RoundDown(fault.Gpa);
        ulong length = fault.Size;
        if (_converter is null || fault.HasUnknownFlags || length is 0 or > AddressSpaceBytes || fault.Gpa >= AddressSpaceBytes)
        {
            return false;
        }

        GpaRange range = GpaRange.FromBounds(start, GuestPage.RoundUp(fault.Gpa + length));
        PageState state = fault.IsPrivate ? PageState.Private : PageState.Shared;
        if (!_tracker.IsRam(range))
        {
            return false;
        }

        lock (_order)
        {
            if (!_converter.TryConvert(range, state))
            {
                return false;
            }

            _tracker.Set(range, state, vcpuIndex, Stopwatch.GetTimestamp());
            _events?.Conversion(vcpuIndex, range.Start.Value, range.PageCount, fault.IsPrivate);
        }

        return true;
    }

    /// <summary>Records pages that a launch made private.</summary>
    /// <param name="range">Whole pages of RAM.</param>
    internal void RecordLaunched(GpaRange range)
    {
        lock (_order)
        {
            _tracker.Set(range, PageState.Private);
            _events?.Conversion(vcpu: -1, range.Start.Value, range.PageCount, isPrivate: true);
        }
    }

    /// <summary>OVMF shares device memory too. As QEMU, take it for granted: what is not RAM can only be shared.</summary>
    private bool IsHarmlessOutsideRam(in MapGpaRangeRequest request) =>
        request.State == PageState.Shared && _converter is not null && _converter.IsOutsideRam(request.Range);

    private void Reject(ulong gpa, ulong pages, ulong attributes, MapGpaRangeError error)
    {
        Statistics.CountRejected(error);
        if (_log.MayWrite(LogEventLevel.Warning))
        {
            _log.Log.Warning(
                "Rejected hypercall: GPA {Gpa}, {PageCount} pages, attributes {Attributes}: {Cause}",
                new Gpa(gpa),
                pages,
                attributes,
                MapGpaRangeRequest.Describe(error));
        }
    }
}
