"""What comes in and goes out as JSON."""

from pydantic import BaseModel, ConfigDict, Field


class ProductIn(BaseModel):
    name: str = Field(max_length=200)
    price_cents: int = Field(gt=0)
    stock: int = Field(default=0, ge=0)


class ProductOut(ProductIn):
    model_config = ConfigDict(from_attributes=True)

    id: int


class LineIn(BaseModel):
    product_id: int
    quantity: int = Field(gt=0)


class LineOut(LineIn):
    model_config = ConfigDict(from_attributes=True)

    price_cents: int


class OrderIn(BaseModel):
    customer: str
    lines: list[LineIn] = Field(min_length=1)


class OrderOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    customer: str
    status: str
    lines: list[LineOut]
