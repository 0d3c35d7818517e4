using System.Runtime.CompilerServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>3 values of <see cref="KvmPitChannelState"/>, in place; converts to a span.</summary>
[InlineArray(Length)]
public struct KvmPitChannelStateArray3
{
    /// <summary>Count of elements.</summary>
    public const int Length = 3;

    private KvmPitChannelState _element0;
}
